/* Run on the n-th of the CPUs that the observer may use. */
static int run_on(int cpu)
{
	cpu_set_t all, one;

	if (sched_getaffinity(observer, sizeof(all), &all))
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all) || cpu-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		return sched_setaffinity(0, sizeof(one), &one);
	}
	return -1;
}
