static void test_read(struct answer *a, struct handle *h, long page)
{
	unsigned char *copy;
	unsigned long long to;

	if (!holds(a, h))
		return;
	copy = malloc(h->pages * PAGE);
	to = (unsigned long)copy;
	if (!copy)
		bail("no memory");
	done(a, ioctl(h->fd, PIN_LONGTERM_TEST_READ, &to));
	if (!a->error)
		saw(a, copy[page * PAGE]);
	free(copy);
}
