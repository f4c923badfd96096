/* An io_uring: its registered buffers are R/W, long-term pins, and the ring is their device. */
struct ring {
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	int file;
};

static void close_ring(struct handle *h)
{
	struct ring *r = h->extra;

	syscall(SYS_io_uring_register, h->fd, IORING_UNREGISTER_BUFFERS, 0, 0);
	close(h->fd);
	close(r->file);
	free(r);
}

static void *ring_part(int fd, size_t size, off_t which)
{
	return mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, which);
}

static void open_ring(struct answer *a, struct handle *h, unsigned char *at, long pages)
{
	struct ring *r;
	int fd;

	if (!fresh(a, h))
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		bail("no memory");
	fd = syscall(SYS_io_uring_setup, 4, &r->p);
	if (fd < 0) {
		skip(a, "io_uring: %s", strerror(errno));
		free(r);
		return;
	}
	r->sq = ring_part(fd, r->p.sq_off.array + 16, IORING_OFF_SQ_RING);
	r->cq = ring_part(fd, r->p.cq_off.cqes + 8 * sizeof(struct io_uring_cqe),
			  IORING_OFF_CQ_RING);
	r->sqes = ring_part(fd, 4 * sizeof(*r->sqes), IORING_OFF_SQES);
	r->file = syscall(SYS_memfd_create, "device", 0);
	if (r->sq == MAP_FAILED || r->cq == MAP_FAILED || r->sqes == MAP_FAILED || r->file < 0 ||
	    ftruncate(r->file, 1))
		bail("no ring: %s", strerror(errno));
	*h = (struct handle){ .fd = fd, .other = -1, .release = close_ring, .at = at,
			      .pages = pages, .extra = r };
	now.fd = fd;
}

static void register_buffers(struct answer *a, unsigned char *at, long pages)
{
	struct iovec part = { at, pages * PAGE };
	int fd = fetch(a);

	if (fd < 0)
		return;
	done(a, syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &part, 1));
	close(fd);
}
