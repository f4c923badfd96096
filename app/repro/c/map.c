static void map(struct answer *a, int area, long pages, int prot, int flags, int fd)
{
	size_t size = pages * PAGE;
	void *to = mmap(at(area, 0), size, prot, flags | MAP_FIXED_NOREPLACE, fd, 0);

	if (to == MAP_FAILED)
		a->error = errno;
	if (fd >= 0)
		close(fd);
}
