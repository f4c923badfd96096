/*
 * A private mapping of a file of zeroes, all of them in the page cache: a fault that has to read
 * maps what is around only where it may be tried again, which /proc/PID/mem does not.
 */
static void map_file(struct answer *a, int area, long pages, int prot, int flags)
{
	int fd = on_disk(a, 0);

	if (fd < 0)
		return;
	if (ftruncate(fd, pages * PAGE)) {
		skip(a, "no room for a file: %s", strerror(errno));
		close(fd);
		return;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	map(a, area, pages, prot, flags, fd);
}
