/* The beginning of a small file, as a string. */
static int slurp(const char *path, char *into, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, into, size - 1);

	into[got > 0 ? got : 0] = 0;
	if (fd >= 0)
		close(fd);
	return got > 0;
}
