/* O_DIRECT write() from the pages or (value >= 0) read() into them, a page at a time. */
static void direct(struct answer *a, unsigned char *to, long pages, int value)
{
	int fd = on_disk(a, O_DIRECT);

	if (fd < 0)
		return;
	if (value >= 0) {
		int plain;
		char path[40];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		plain = open(path, O_RDWR | O_CLOEXEC);
		scratch[0] = value;
		if (plain < 0 || pwrite(plain, scratch, PAGE, 0) != PAGE || fsync(plain))
			skip(a, "no file to read from: %s", strerror(errno));
		if (plain >= 0)
			close(plain);
	}
	for (long page = 0; page < pages && !a->error && !a->skip[0]; page++)
		done(a, value < 0 ? pwrite(fd, to + page * PAGE, PAGE, 0) :
				    pread(fd, to + page * PAGE, PAGE, 0));
	close(fd);
}
