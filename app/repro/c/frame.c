static unsigned long long entry_of(int fd, const unsigned char *at)
{
	unsigned long long entry = 0;

	if (pread(fd, &entry, sizeof(entry), (off_t)((unsigned long)at / PAGE * 8)) != sizeof(entry))
		return 0;
	return entry;
}

static int pagemap_of(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)
#define PFN(entry) ((entry) & ((1ULL << 55) - 1))
