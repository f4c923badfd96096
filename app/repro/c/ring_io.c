/* The device moves one byte between its file and a page that it holds. */
static void ring_io(struct answer *a, struct handle *h, long page, int opcode)
{
	struct ring *r = h->extra;
	unsigned *tail = (unsigned *)(r->sq + r->p.sq_off.tail);
	unsigned *mask = (unsigned *)(r->sq + r->p.sq_off.ring_mask);
	unsigned *array = (unsigned *)(r->sq + r->p.sq_off.array);
	unsigned *head = (unsigned *)(r->cq + r->p.cq_off.head);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(r->cq + r->p.cq_off.cqes);
	unsigned slot = *tail & *mask;

	memset(&r->sqes[slot], 0, sizeof(r->sqes[slot]));
	r->sqes[slot].opcode = opcode;
	r->sqes[slot].fd = r->file;
	r->sqes[slot].addr = (unsigned long)(h->at + page * PAGE);
	r->sqes[slot].len = 1;
	array[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, h->fd, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0) {
		a->error = errno;
		return;
	}
	slot = *head & *(unsigned *)(r->cq + r->p.cq_off.ring_mask);
	if (cqes[slot].res < 0)
		a->error = -cqes[slot].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}
