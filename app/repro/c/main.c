static struct page {
	signed char kind, exclusive, step;
	int frame;
} want[PROCS][PAGES + 1];

static unsigned long long pfn_of[FRAMES + 1];
static int seen_in[FRAMES + 1];
static int kpageflags = -1;	/* where the exclusive bit can be seen, else -1 */
static int pfns;	/* can frames be seen? */
static int complaints;
static int unreadable;	/* pagemaps that this user may not read */

static void hear(int proc, struct answer *a)
{
	struct pollfd link = { .fd = HERE(proc), .events = POLLIN };

	if (poll(&link, 1, 60000) != 1 || recv(HERE(proc), a, sizeof(*a), 0) != sizeof(*a))
		bail("%s does not answer", proc_name[proc]);
}

static void ask(const struct act_of *act, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	a->faults = -1;
	now.act = act->act;
	now.other = pids[act->other];
	if (act->who == OBSERVER) {
		acts[act->act](a);
		return;
	}
	if (pids[act->who] <= 0) {
		a->error = ESRCH;
		return;
	}
	if (send(HERE(act->who), &now, sizeof(now), MSG_NOSIGNAL) != sizeof(now))
		bail("%s cannot be asked", proc_name[act->who]);
	hear(act->who, a);
}

/* Several acts in one step: the first error, the values read last, all faults. */
static void together(struct answer *all, const struct answer *one)
{
	if (!all->error) {
		all->error = one->error;
		all->failed_at = one->failed_at;
	}
	if (one->runs) {
		all->runs = one->runs;
		memcpy(all->read, one->read, sizeof(one->read));
	}
	if (one->faults >= 0)
		all->faults = (all->faults < 0 ? 0 : all->faults) + one->faults;
	if (one->child > 0)
		all->child = one->child;
	if (one->skip[0])
		memcpy(all->skip, one->skip, sizeof(one->skip));
}

/* A zombie has no address space any more. */
static void wait_for_end(int proc)
{
	struct timespec nap = { 0, 1000000 };
	char path[40], text[256];
	int left = 60000;

	snprintf(path, sizeof(path), "/proc/%d/stat", pids[proc]);
	while (slurp(path, text, sizeof(text)) && !strstr(text, ") Z ")) {
		if (!left--)
			bail("%s does not end", proc_name[proc]);
		nanosleep(&nap, 0);
	}
	pids[proc] = 0;
}

static const char *error_name(int error)
{
	static const struct { int error; const char *name; } known[] = {
		{ 0, "no error" }, { -SIGSEGV, "SIGSEGV" }, { -SIGBUS, "SIGBUS" },
		{ NOTMOVED, "NOTMOVED" }, { PARTIAL, "PARTIAL" }, { EACCES, "EACCES" },
		{ EAGAIN, "EAGAIN" }, { EBADF, "EBADF" }, { EBUSY, "EBUSY" }, { EFAULT, "EFAULT" },
		{ EINVAL, "EINVAL" }, { EIO, "EIO" }, { ENOMEM, "ENOMEM" }, { EPERM, "EPERM" },
		{ ESRCH, "ESRCH" }, { EOPNOTSUPP, "EOPNOTSUPP" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error)
			return known[i].name;
	return strerror(error < 0 ? -error : error);
}

static int complain(const char *what, ...)
{
	va_list list;

	if (complaints++ < 8) {
		printf("# ");
		va_start(list, what);
		vprintf(what, list);
		va_end(list);
		printf("\n");
	}
	return 0;
}

static long page_of_runs(const struct step *s, const struct answer *a)
{
	long page = 0;
	int i;

	for (i = 0; i < s->runs && i < a->runs; i++) {
		if (s->read[i].value != a->read[i].value || s->read[i].pages != a->read[i].pages) {
			complain("page %ld: %ld times %d read, expected %ld times %d", page,
				 a->read[i].pages, a->read[i].value, s->read[i].pages,
				 s->read[i].value);
			return page;
		}
		page += s->read[i].pages;
	}
	return -1;
}

static int right_outcome(const struct step *s, const struct answer *a)
{
	int good = 1;

	if (a->error != s->error)
		good = complain("found %s, expected %s", error_name(a->error),
				error_name(s->error));
	if (a->failed_at != s->failed_at)
		good = complain("it failed at page %ld of the place, expected %ld (from 1; 0 is none)",
				a->failed_at, s->failed_at);
	if (s->counted && a->faults != s->faults)
		good = complain("%ld page faults, expected %ld", a->faults, s->faults);
	if (a->runs != s->runs && s->runs)
		good = complain("%d runs of values read, expected %d", a->runs, s->runs);
	if (s->runs && page_of_runs(s, a) >= 0)
		good = 0;
	return good;
}

static void expect_rows(const struct row *r)
{
	for (; r && r->proc != OBSERVER; r++)
		for (long i = 0; i < r->pages; i++)
			want[r->proc][area_first[r->area] + r->page + i] = (struct page){
				r->kind, r->exclusive, r->step, r->frame + (r->step ? i : 0)
			};
}

static int right_frame(const struct page *w, unsigned long long pfn, unsigned long long bits,
		       const char *where, int number)
{
	int good = 1;

	if (w->kind == ZERO) {
		if (kpageflags >= 0 && !(bits & (1ULL << 24)))
			good = complain("%s: not the zero page", where);
		return good;
	}
	if (!pfn_of[w->frame])
		for (int f = 0; f < FRAMES; f++)
			if (pfn_of[f] == pfn && seen_in[f] == number)
				good = complain("%s: the frame of f%d, expected another one", where, f);
	if (pfn_of[w->frame] && pfn_of[w->frame] != pfn)
		good = complain("%s: another frame than f%d", where, w->frame);
	pfn_of[w->frame] = pfn;
	seen_in[w->frame] = number;
	if (kpageflags >= 0 && w->exclusive >= 0 && (int)(bits >> 34 & 1) != w->exclusive)
		good = complain("%s: PG_anon_exclusive is %d, expected %d", where,
				(int)(bits >> 34 & 1), w->exclusive);
	return good;
}

/* The entries of one range of one process, as /proc shows them. */
static int right_range(int fd, int proc, int area, int number)
{
	static const char *const words[] = { "no page", "a page", "the zero page", "a swap entry" };
	static unsigned long long entries[PAGES + 1];
	long pages = area_pages[area];
	int good = 1;

	if (pread(fd, entries, pages * 8, (off_t)((unsigned long)at(area, 0) / PAGE * 8)) != pages * 8) {
		if (!unreadable++)
			printf("# Pages are not checked: %s's pagemap: %s\n", proc_name[proc],
			       strerror(errno));
		return 1;
	}
	for (long i = 0; i < pages; i++) {
		const struct page *w = &want[proc][area_first[area] + i];
		unsigned long long bits = 0, pfn = entries[i] & ((1ULL << 55) - 1);
		int present = entries[i] >> 63 & 1, swapped = entries[i] >> 62 & 1;
		int found = present ? FRAME : swapped ? SWAP : NONE;
		char where[80];

		if (w->kind == ANYTHING || (w->kind == NONE && found == NONE))
			continue;
		snprintf(where, sizeof(where), "%s %s[%ld]", proc_name[proc], area_name[area], i);
		if (found != (w->kind == ZERO ? FRAME : (int)w->kind)) {
			good = complain("%s: %s, expected %s", where, words[found], words[(int)w->kind]);
			continue;
		}
		if (!present || !pfns)
			continue;
		if (kpageflags >= 0 && pread(kpageflags, &bits, 8, (off_t)(pfn * 8)) != 8)
			good = complain("%s: /proc/kpageflags: %s", where, strerror(errno));
		good &= right_frame(w, pfn, bits, where, number);
	}
	return good;
}

static int right_state(const struct step *s, int number)
{
	int good = 1;

	if (s->moves)
		memset(pfn_of, 0, sizeof(pfn_of));
	for (int proc = 1; proc < PROCS; proc++) {
		char path[40];
		int fd;

		if (pids[proc] <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pids[proc]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		for (int area = 0; area < AREAS; area++)
			good &= right_range(fd, proc, area, number);
		close(fd);
	}
	return good;
}

/* What of the kernel's books this user may read. */
static void open_books(void)
{
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct utsname kernel;
	int major = 0, minor = 0;

	scratch[0] = 1;
	if (pread(fd, &entry, 8, (off_t)((unsigned long)scratch / PAGE * 8)) == 8)
		pfns = (entry & ((1ULL << 55) - 1)) != 0;
	close(fd);
	uname(&kernel);
	sscanf(kernel.release, "%d.%d", &major, &minor);
	if (pfns && (major > 5 || (major == 5 && minor >= 19)))
		kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	printf("# Linux %s, %s\n", kernel.release, kernel.machine);
	if (!pfns)
		printf("# Frames and the exclusive bit are not checked: only root sees them.\n");
	else if (kpageflags < 0)
		printf("# The exclusive bit is not checked: /proc/kpageflags shows none here.\n");
}

/* Huge pages of other sizes than the PMD's are no part of the model. */
static int other_sizes(void)
{
	char text[64], top[64];
	glob_t found;
	int any = 0;

	slurp("/sys/kernel/mm/transparent_hugepage/enabled", top, sizeof(top));
	if (glob("/sys/kernel/mm/transparent_hugepage/hugepages-*kB/enabled", 0, 0, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		slurp(found.gl_pathv[i], text, sizeof(text));
		if (!strstr(found.gl_pathv[i], "-2048kB"))
			any |= strstr(text, "[always]") ||
			       (strstr(text, "[inherit]") && strstr(top, "[always]"));
	}
	globfree(&found);
	return any;
}

static void make_links(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int proc = 1; proc < PROCS; proc++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) || dup2(ends[0], HERE(proc)) < 0 ||
		    dup2(ends[1], THERE(proc)) < 0)
			bail("no socket: %s", strerror(errno));
		close(ends[0]);
		close(ends[1]);
	}
}

static void begin(void)
{
	struct answer ready;

	make_links();
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	observer = getpid();
	fflush(stdout);
	pids[PROC_{{ processes[0] }}] = fork();
	if (pids[PROC_{{ processes[0] }}] < 0)
		bail("fork: %s", strerror(errno));
	if (!pids[PROC_{{ processes[0] }}]) {
		for (int proc = 1; proc < PROCS; proc++)
			close(HERE(proc));
		run_on(0);
		serve(PROC_{{ processes[0] }});
	}
	hear(PROC_{{ processes[0] }}, &ready);
}

static void play(const struct step *s, struct answer *all)
{
	struct answer one;

	memset(all, 0, sizeof(*all));
	all->faults = -1;
	now.fd = -1;
	for (int i = 0; i < s->count && !all->skip[0]; i++) {
		if (s->handle && all->error)
			break;
		ask(&s->acts[i], &one);
		together(all, &one);
	}
{% if handles %}
	for (int i = 0; i < s->handles && (all->error || all->skip[0]) && all->error != EBUSY; i++)
		drop(&handles[s->handle + i]);
{% endif %}
	if (s->child && all->child > 0) {
		struct answer ready;

		pids[s->child] = all->child;
		hear(s->child, &ready);
	}
	if (s->gone && !all->error)
		wait_for_end(s->gone);
}

int main(int argc, char **argv)
{
	int wrong = 0, number = 1, lost = 0;

	if (argc == 3 && !strcmp(argv[0], "play")) {
		observer = atoi(argv[2]);
		serve(atoi(argv[1]));
	}
	printf("TAP version 13\n");
	if (sysconf(_SC_PAGESIZE) != PAGE || other_sizes()) {
		printf("1..0 # SKIP it takes pages of 4 KiB, and huge pages of no other size than "
		       "2 MiB in /sys/kernel/mm/transparent_hugepage\n");
		return 0;
	}
	printf("1..%d%s\n", {{ steps | length }}, steps[0].text ? "" : " # SKIP no step was asked for");
	open_books();
	begin();
	for (const struct step *s = steps; s->text; s++, number++) {
		const char *why = s->skip;
		struct answer a;
		int good;

		if (!lost && !why && s->unless)
			why = s->unless();
		if (!lost && !why) {
			play(s, &a);
			if (a.skip[0])
				why = a.skip;
		}
		if (lost || why) {
			if (lost)
				printf("ok %d - %s # SKIP it builds on step %d, which was not played\n",
				       number, s->text, lost);
			else
				printf("ok %d - %s # SKIP %s\n", number, s->text, why);
			if (!lost && !s->opaque)
				lost = number;
			continue;
		}
		expect_rows(s->rows);
		complaints = 0;
		good = right_outcome(s, &a) & right_state(s, number);
		printf("%sok %d - %s\n", good ? "" : "not ", number, s->text);
		wrong |= !good;
		fflush(stdout);
	}
	for (int proc = 1; proc < PROCS; proc++)
		if (pids[proc] > 0)
			kill(pids[proc], SIGKILL);
	return wrong;
}
