/* On every CPU that may be used: madvise() drains this CPU's LRU batches before it looks. */
static void drain(struct answer *a)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all)) {
		skip(a, "sched_getaffinity: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
		madvise(scratch, PAGE, MADV_COLD);
	}
	sched_setaffinity(0, sizeof(all), &all);
}
