static void ring_write(struct answer *a, struct handle *h, long page, int value)
{
	struct ring *r;
	unsigned char byte = value;

	if (!holds(a, h))
		return;
	r = h->extra;
	if (pwrite(r->file, &byte, 1, 0) != 1)
		a->error = errno;
	else
		ring_io(a, h, page, IORING_OP_READ_FIXED);
}
