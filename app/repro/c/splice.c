/* References by vmsplice(): FOLL_GET, read-only; `times` to each of the pages. */
static void splice_pages(struct answer *a, unsigned char *from, long pages, long times)
{
	int fd = fetch(a);

	if (fd < 0)
		return;
	for (long i = 0; i < pages * times && !a->error;) {
		struct iovec part = { from + i / times * PAGE, PAGE };

		if (vmsplice(fd, &part, 1, SPLICE_F_NONBLOCK) == PAGE)
			i++;
		else
			a->error = errno;
	}
	close(fd);
}
