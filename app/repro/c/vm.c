/* process_vm_readv() or (value >= 0) process_vm_writev(), a page at a time. */
static void through_vm(struct answer *a, unsigned char *to, long pages, int value)
{
	unsigned char byte = value;

	for (long page = 0; page < pages && !a->error; page++) {
		struct iovec here = { &byte, 1 }, there = { to + page * PAGE, 1 };

		done(a, value < 0 ? process_vm_readv(now.other, &here, 1, &there, 1, 0) :
				    process_vm_writev(now.other, &here, 1, &there, 1, 0));
		if (value < 0 && !a->error)
			saw(a, byte);
	}
	if (a->error)
		a->runs = 0;
	if (a->error == EPERM || a->error == ENOSYS)
		skip(a, "another process's memory may not be used: %s", strerror(a->error));
}
