/* A page that was just written is soft-dirty, if this kernel has such a bit at all. */
static int has_soft_dirty(void)
{
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	scratch[0] = 1;
	if (pread(fd, &entry, 8, (off_t)((unsigned long)scratch / PAGE * 8)) != 8)
		entry = 0;
	close(fd);
	return entry >> 55 & 1;
}

static void clear_refs(struct answer *a)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	if (!has_soft_dirty())
		skip(a, "this kernel has no soft-dirty bits (CONFIG_MEM_SOFT_DIRTY)");
	else if (fd < 0 || write(fd, "4", 1) != 1)
		skip(a, "/proc/self/clear_refs: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}
