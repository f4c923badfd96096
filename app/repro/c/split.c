/* debugfs splits every folio of a range; what is compound after that could not be split. */
static void split(struct answer *a, int proc, unsigned char *from, long pages)
{
	int fd = pagemap_of(pids[proc]), flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	char text[64];

	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", pids[proc], (unsigned long)from,
		 (unsigned long)(from + pages * PAGE));
	if (flags < 0 || !set("/sys/kernel/debug/split_huge_pages", text, 0, 0))
		skip(a, "splitting a folio: /sys/kernel/debug/split_huge_pages: %s", strerror(errno));
	for (long i = 0; i < pages && !a->skip[0]; i++) {
		unsigned long long entry = entry_of(fd, from + i * PAGE), bits = 0;

		if (!(entry & PRESENT) || pread(flags, &bits, 8, (off_t)(PFN(entry) * 8)) != 8)
			continue;
		if (bits & (3ULL << 15))
			a->error = EAGAIN;
	}
	close(fd);
	if (flags >= 0)
		close(flags);
}
