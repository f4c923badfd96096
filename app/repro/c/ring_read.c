static void ring_read(struct answer *a, struct handle *h, long page)
{
	struct ring *r;
	unsigned char byte = 0;

	if (!holds(a, h))
		return;
	r = h->extra;
	ring_io(a, h, page, IORING_OP_WRITE_FIXED);
	if (!a->error && pread(r->file, &byte, 1, 0) == 1)
		saw(a, byte);
}
