#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define WP_UNPOPULATED (1 << 13)
#define WP_ASYNC (1 << 15)

static int uffd = -1;	/* of this mm */

/*
 * Write protection by userfaultfd. `features`: asynchronous, or SIGBUS. What is registered are the
 * whole mappings, `all` pages from `from` on: a part would split them.
 */
static void protect(struct answer *a, unsigned char *to, long pages, int on, long features,
		    unsigned char *from, long all)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0 };
	int why;

	range.range.start = (unsigned long)from;
	range.range.len = all * PAGE;
	wp.range.start = (unsigned long)to;
	wp.range.len = pages * PAGE;
	if (uffd < 0) {
		int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

		if (fd < 0)
			fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
		if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
			skip(a, "userfaultfd: %s", strerror(errno));
			if (fd >= 0)
				close(fd);
			return;
		}
		uffd = fd;
	}
	/* To end a protection that may be there needs no registration. */
	if (!on && !ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		return;
	why = errno;
	if (ioctl(uffd, UFFDIO_REGISTER, &range))
		a->error = on ? errno : why;
	else if (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		a->error = errno;
}
