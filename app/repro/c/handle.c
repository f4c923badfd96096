/* What a handle holds is held by the observer. */
struct handle {
	int fd, other;	/* the ring, the pipe's ends, or the test device; -1: nothing */
	void (*release)(struct handle *);
	unsigned char *at;
	long pages;
	void *extra;
};

static struct handle handles[HANDLES];

static int fresh(struct answer *a, struct handle *h)
{
	if (h->release)
		a->error = EBUSY;
	else
		*h = (struct handle){ .fd = -1, .other = -1 };
	return !a->error;
}

static void drop(struct handle *h)
{
	if (h->release)
		h->release(h);
	*h = (struct handle){ .fd = -1, .other = -1 };
}
