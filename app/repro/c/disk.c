/* An unnamed file that is no tmpfs: here, or in /var/tmp. */
static int on_disk(struct answer *a, int flags)
{
	static const char *const where[] = { ".", "/var/tmp", 0 };

	for (int i = 0; where[i]; i++) {
		struct statfs fs;
		int fd = open(where[i], O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);

		if (fd < 0)
			continue;
		if (!fstatfs(fd, &fs) && fs.f_type != 0x01021994)
			return fd;
		close(fd);
	}
	skip(a, "no file system here or in /var/tmp does that: %s", strerror(errno));
	return -1;
}
