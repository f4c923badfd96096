static int serve_in_the_same_mm(void *proc)
{
	serve((int)(long)proc);
	return 0;
}

/* vfork() without the wait: the parent goes on, and both have one mm. */
static void do_vfork(struct answer *a, int child)
{
	size_t size = 256 * 1024;
	char *stack = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED) {
		skip(a, "no stack for the child: %s", strerror(errno));
		return;
	}
	a->child = clone(serve_in_the_same_mm, stack + size, CLONE_VM | CLONE_FILES | SIGCHLD,
			 (void *)(long)child);
	if (a->child < 0)
		a->error = errno;
}
