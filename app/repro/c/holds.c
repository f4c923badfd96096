static int holds(struct answer *a, struct handle *h)
{
	if (!h->release)
		a->error = EBADF;
	return !a->error;
}
