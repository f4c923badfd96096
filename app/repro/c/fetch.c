/*
 * A descriptor of the observer's in the acting process, for this step alone: no process inherits
 * what a handle holds, and a handle outlives its process.
 */
static int fetch(struct answer *a)
{
	int of = syscall(SYS_pidfd_open, observer, 0);
	int fd = of < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, of, now.fd, 0);

	if (fd < 0)
		skip(a, "the observer's descriptor cannot be had: %s", strerror(errno));
	if (of >= 0)
		close(of);
	return fd;
}
