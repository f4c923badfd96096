#define KSM "/sys/kernel/mm/ksm/"

static long ksm_number(const char *path)
{
	char text[32];

	return slurp(path, text, sizeof(text)) ? atol(text) : -1;
}

/* Four full scans; every knob is put back. */
static void ksm_pass(struct answer *a)
{
	static const char *const knobs[][2] = {
		{ KSM "smart_scan", "0" }, { KSM "use_zero_pages", "0" },
		{ KSM "sleep_millisecs", "1" }, { KSM "pages_to_scan", "10000" },
		{ KSM "run", "1" },
	};
	char before[5][32];
	long scans = ksm_number(KSM "full_scans");
	struct timespec nap = { 0, 5000000 };

	if (scans < 0 || !set(KSM "run", "0", 0, 0)) {
		skip(a, "KSM: " KSM "run: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < 5; i++)
		set(knobs[i][0], knobs[i][1], before[i], sizeof(before[i]));
	for (int i = 0; i < 4000 && ksm_number(KSM "full_scans") < scans + 4; i++)
		nanosleep(&nap, 0);
	if (ksm_number(KSM "full_scans") < scans + 4)
		skip(a, "KSM did not scan all in 20 seconds");
	for (int i = 0; i < 5; i++)
		set(knobs[i][0], before[i], 0, 0);
}
