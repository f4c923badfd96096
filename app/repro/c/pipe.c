static void close_pipe(struct handle *h)
{
	close(h->fd);
	close(h->other);
}

/* A pipe with room for so many pages. */
static void open_pipe(struct answer *a, struct handle *h, unsigned char *at, long pages)
{
	int ends[2];

	if (!fresh(a, h))
		return;
	if (pipe2(ends, O_CLOEXEC)) {
		skip(a, "pipe: %s", strerror(errno));
		return;
	}
	if (fcntl(ends[1], F_SETPIPE_SZ, pages * PAGE) < 0) {
		skip(a, "a pipe of %ld pages: %s", pages, strerror(errno));
		close(ends[0]);
		close(ends[1]);
		return;
	}
	*h = (struct handle){ .fd = ends[1], .other = ends[0], .release = close_pipe,
			      .at = at, .pages = pages };
	now.fd = h->fd;
}
