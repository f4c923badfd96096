static unsigned long long *frames_of(int fd, unsigned char *from, long pages)
{
	unsigned long long *frames = calloc(pages, sizeof(*frames));

	if (!frames)
		bail("no memory");
	for (long i = 0; i < pages; i++) {
		frames[i] = entry_of(fd, from + i * PAGE);
		frames[i] = frames[i] & PRESENT ? PFN(frames[i]) : 0;
	}
	return frames;
}

/* To another node if there is one, by move_pages(). */
static int to_other_node(int proc, unsigned char *from, long pages)
{
	int there = 0;

	for (long i = 0; i < pages; i++) {
		void *page = from + i * PAGE;
		int status = -1, node = 1;

		there |= !syscall(SYS_move_pages, pids[proc], 1, &page, &node, &status, 4);
		if (status == 1)
			continue;
		node = 0;
		syscall(SYS_move_pages, pids[proc], 1, &page, &node, &status, 4);
	}
	return there;
}

/*
 * Migration by move_pages() where there are two nodes, else by compaction, which does not reach
 * every page: what it leaves where it was tells nothing unless that is `expected`.
 */
static void migrate(struct answer *a, int proc, unsigned char *from, long pages, int expected)
{
	int fd = pagemap_of(pids[proc]), sure = 0;
	unsigned long long *was = frames_of(fd, from, pages);

	for (int try = 0; try < 10; try++) {
		unsigned long long *is;
		long moved = 0, stayed = 0;

		sure |= to_other_node(proc, from, pages);
		if (!sure && !set("/proc/sys/vm/compact_memory", "1", 0, 0)) {
			skip(a, "migration: /proc/sys/vm/compact_memory: %s", strerror(errno));
			break;
		}
		is = frames_of(fd, from, pages);
		for (long i = 0; i < pages; i++) {
			moved += was[i] && is[i] != was[i];
			stayed += was[i] && is[i] == was[i];
		}
		free(is);
		a->error = !moved ? NOTMOVED : stayed ? PARTIAL : 0;
		if (a->error == expected || !stayed)
			break;
	}
	if (a->error != expected && a->error && !sure && !a->skip[0])
		skip(a, "compaction did not reach the pages, and there is no other node");
	drain(a);	/* the new page is in the batch of the CPU that moved it */
	close(fd);
	free(was);
}
