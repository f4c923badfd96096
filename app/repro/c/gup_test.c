/* mm/gup_test.h: pins of any kind, where the kernel has CONFIG_GUP_TEST. */
struct pin_longterm_test {
	unsigned long long addr, size;
	unsigned flags;
};
#define PIN_LONGTERM_TEST_START _IOW('g', 7, struct pin_longterm_test)
#define PIN_LONGTERM_TEST_STOP _IO('g', 8)
#define PIN_LONGTERM_TEST_READ _IOW('g', 9, unsigned long long)

static void close_test(struct handle *h)
{
	ioctl(h->fd, PIN_LONGTERM_TEST_STOP);
	close(h->fd);
}

static void open_test(struct answer *a, struct handle *h, unsigned char *at, long pages)
{
	int fd;

	if (!fresh(a, h))
		return;
	for (int i = 1; i < HANDLES; i++)
		if (handles[i].release == close_test) {
			skip(a, "gup_test keeps one pin at a time");
			return;
		}
	fd = open("/sys/kernel/debug/gup_test", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		skip(a, "a read-only pin that lasts: /sys/kernel/debug/gup_test: %s (CONFIG_GUP_TEST)",
		     strerror(errno));
		return;
	}
	*h = (struct handle){ .fd = fd, .other = -1, .release = close_test, .at = at, .pages = pages };
	now.fd = fd;
}

static void pin_by_test(struct answer *a, unsigned char *at, long pages, unsigned flags)
{
	struct pin_longterm_test test = { (unsigned long)at, pages * PAGE, flags };
	int fd = fetch(a);

	if (fd < 0)
		return;
	done(a, ioctl(fd, PIN_LONGTERM_TEST_START, &test));
	close(fd);
}
