/* /proc/PID/mem: FOLL_FORCE, as ptrace() uses it. A value below 0 reads. */
static void through_mem(struct answer *a, unsigned char *to, long pages, int value)
{
	unsigned char byte = value;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", now.other);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		skip(a, "%s: %s", path, strerror(errno));
		return;
	}
	for (long page = 0; page < pages && !a->error; page++) {
		off_t where = (off_t)(long)(to + page * PAGE);

		done(a, value < 0 ? pread(fd, &byte, 1, where) : pwrite(fd, &byte, 1, where));
		if (value < 0 && !a->error)
			saw(a, byte);
	}
	if (a->error)
		a->runs = 0;
	close(fd);
}
