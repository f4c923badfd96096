#define DAMON "/sys/kernel/mm/damon/admin/kdamonds/"
#define CONTEXT DAMON "0/contexts/0/"
#define SCHEME CONTEXT "schemes/0/"

/* Physical pages that DAMON shall page out, once; returns whether it tried. */
static int page_out(unsigned long long pfn)
{
	static const char *const knobs[][2] = {
		{ DAMON "nr_kdamonds", "1" }, { DAMON "0/contexts/nr_contexts", "1" },
		{ CONTEXT "operations", "paddr" },
		{ CONTEXT "monitoring_attrs/intervals/sample_us", "1000" },
		{ CONTEXT "monitoring_attrs/intervals/aggr_us", "5000" },
		{ CONTEXT "targets/nr_targets", "1" },
		{ CONTEXT "targets/0/regions/nr_regions", "1" },
		{ CONTEXT "schemes/nr_schemes", "1" }, { SCHEME "action", "pageout" },
		{ SCHEME "access_pattern/sz/max", "18446744073709551615" },
		{ SCHEME "access_pattern/nr_accesses/max", "1000000" },
		{ SCHEME "access_pattern/age/max", "1000000" },
	};
	struct timespec nap = { 0, 5000000 };
	char text[32];
	int good = 1;

	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++)
		good &= set(knobs[i][0], knobs[i][1], 0, 0);
	snprintf(text, sizeof(text), "%llu", pfn * PAGE);
	good &= set(CONTEXT "targets/0/regions/0/start", text, 0, 0);
	snprintf(text, sizeof(text), "%llu", (pfn + 1) * PAGE);
	good &= set(CONTEXT "targets/0/regions/0/end", text, 0, 0);
	good &= set(DAMON "0/state", "on", 0, 0);
	for (int i = 0; good && i < 400; i++) {
		nanosleep(&nap, 0);
		set(DAMON "0/state", "update_schemes_stats", 0, 0);
		if (slurp(SCHEME "stats/nr_tried", text, sizeof(text)) && atol(text) > 0)
			break;
	}
	set(DAMON "0/state", "off", 0, 0);
	set(DAMON "nr_kdamonds", "0", 0, 0);
	return good;
}

/* Reclaim through the reverse map: DAMON pages out by physical address, from everybody. */
static void reclaim(struct answer *a, int proc, unsigned char *from, long pages)
{
	int fd = pagemap_of(pids[proc]);
	char text[32];

	drain(a);
	if (!slurp(DAMON "nr_kdamonds", text, sizeof(text)) || atol(text))
		skip(a, "reclaim of chosen pages: " DAMON " is not there, or in use");
	for (long i = 0; i < pages && !a->skip[0]; i++) {
		unsigned long long entry = entry_of(fd, from + i * PAGE);

		if ((entry & PRESENT) && !page_out(PFN(entry)))
			skip(a, "reclaim of chosen pages: " DAMON ": %s", strerror(errno));
	}
	close(fd);
}
