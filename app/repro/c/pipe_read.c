/* A byte of what is in the pipe, which keeps it. */
static void look_into_pipe(struct answer *a, struct handle *h, long page)
{
	unsigned char byte = 0;
	int copy[2];

	if (!holds(a, h))
		return;
	if (pipe2(copy, O_CLOEXEC)) {
		skip(a, "pipe: %s", strerror(errno));
		return;
	}
	fcntl(copy[1], F_SETPIPE_SZ, h->pages * PAGE);
	if (tee(h->other, copy[1], (page + 1) * PAGE, SPLICE_F_NONBLOCK) != (page + 1) * PAGE)
		a->error = errno ? errno : EIO;
	for (long i = 0; i <= page && !a->error; i++)
		if (read(copy[0], scratch, PAGE) != PAGE)
			a->error = EIO;
	byte = scratch[0];
	if (!a->error)
		saw(a, byte);
	close(copy[0]);
	close(copy[1]);
}
