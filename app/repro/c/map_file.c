/* A private mapping of a file of zeroes. */
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
	map(a, area, pages, prot, flags, fd);
}
