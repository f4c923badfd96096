/* Writes a file of sysfs or procfs, and can say what it was before. */
static int set(const char *path, const char *value, char *before, size_t size)
{
	int fd, written;

	if (before)
		slurp(path, before, size);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	if (fd >= 0)
		close(fd);
	return written;
}
