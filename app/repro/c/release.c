static void release(struct answer *a, struct handle *h)
{
	if (holds(a, h))
		drop(h);
}
