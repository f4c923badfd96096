/* What the observer asks a process to do. */
struct order {
	int act;	/* index into acts[] */
	pid_t other;	/* the process that the step names besides the acting one */
	int fd;		/* the observer's descriptor that the step works on */
};

/* What came of it. */
struct answer {
	int error;	/* 0, an errno, minus a signal, or NOTMOVED or PARTIAL */
	long failed_at;	/* the page of a slice at which it failed, from 1, or 0 */
	long faults;	/* page faults of the acting process, or -1 */
	pid_t child;
	int runs;	/* values read: runs of equal ones, page by page */
	struct { long pages; int value; } read[RUNS];
	char skip[120];	/* why this kernel or this user cannot play the step */
};

enum { NOTMOVED = 1001, PARTIAL };
enum { NONE, FRAME, ZERO, SWAP, ANYTHING };	/* what a page's entry may be */

/* What the model says that pages are from this step on. */
struct row {
	int proc, area;
	long page, pages;
	int kind;
	int frame;	/* number of its label; with `step` 1 each page has the next one */
	int step;
	int exclusive;	/* 1, 0, or -1 where a kernel does not show it */
};

struct act_of {
	int who, act;
	int other;	/* a process, or OBSERVER */
};

struct step {
	const char *text;
	const char *skip;	/* why user space cannot play it */
	const char *(*unless)(void);	/* says why this machine cannot, or 0 */
	const struct act_of *acts;
	int count;
	int child, gone;	/* a process that begins or ends */
	int handle, handles;	/* the first handle that is made here, and how many */
	int opaque;	/* what follows is the same whether it was played or not */
	int moves;	/* pages that the model does not name may move, too */
	int error;
	long failed_at;
	int counted;	/* are page faults compared? */
	long faults;
	int runs;
	struct { long pages; int value; } read[RUNS];
	const struct row *rows;
};

static pid_t pids[PROCS];
static pid_t observer;
static struct order now;
static char scratch[PAGE] __attribute__((aligned(4096)));

#define HERE(proc) (100 + 2 * (proc))	/* the observer's end of a process's socket */
#define THERE(proc) (101 + 2 * (proc))

static unsigned char *at(int area, long page)
{
	return (unsigned char *)(0x100000000000L + ((long)area << 30) + page * PAGE);
}

static void bail(const char *why, ...)
{
	va_list list;

	va_start(list, why);
	printf("Bail out! ");
	vprintf(why, list);
	printf("\n");
	va_end(list);
	fflush(stdout);
	for (int i = 1; i < PROCS; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	exit(1);
}
