static void (*const acts[ACTS + 1])(struct answer *);

static void answer(int proc, const struct answer *a)
{
	if (send(THERE(proc), a, sizeof(*a), MSG_NOSIGNAL) != sizeof(*a))
		_exit(1);
}

/* The life of a process of the scenario: it does what it is told, until the observer is gone. */
static void serve(int proc)
{
	struct answer a = { .faults = -1 };

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	answer(proc, &a);
	while (recv(THERE(proc), &now, sizeof(now), 0) == sizeof(now)) {
		memset(&a, 0, sizeof(a));
		a.faults = -1;
		acts[now.act](&a);
		answer(proc, &a);
	}
	_exit(0);
}
