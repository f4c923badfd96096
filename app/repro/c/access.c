static sigjmp_buf caught;

static void on_signal(int signal)
{
	siglongjmp(caught, signal);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, 0);
	sigaction(SIGBUS, &action, 0);
}

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* A load from or (value >= 0) a store to the first byte of each page. */
static void touch(unsigned char *to, volatile long *page, long pages, int value, struct answer *a)
{
	for (*page = 0; *page < pages; (*page)++) {
		volatile unsigned char *byte = to + *page * PAGE;

		if (value >= 0)
			*byte = value;
		else
			saw(a, *byte);
	}
}

/*
 * Unmaps so many zero pages that the whole TLB is flushed: x86 leaves read-only translations behind
 * when an entry becomes writable, and a fault on one of those is none that the page table asks for.
 */
static void flush_tlb(void)
{
	size_t size = 64 * PAGE;
	void *zeroes = mmap(0, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (zeroes != MAP_FAILED)
		munmap(zeroes, size);
}

/* Touch pages; what the touching itself needs is touched before, so that its faults count not. */
static void access_pages(struct answer *a, unsigned char *to, long pages, int value)
{
	struct answer rehearsed = { .runs = 0 };
	volatile long page = 0, before = 0;
	int signal;

	catch_signals();
	touch((unsigned char *)scratch, &page, 1, value, &rehearsed);
	page_faults();
	saw(a, 0);
	a->runs = 0;
	flush_tlb();
	signal = sigsetjmp(caught, 1);
	if (!signal) {
		before = page_faults();
		touch(to, &page, pages, value, a);
		a->faults = page_faults() - before;
		return;
	}
	a->error = -signal;
	a->failed_at = pages > 1 ? page + 1 : 0;
	a->runs = 0;
}
