static void do_fork(struct answer *a, int child)
{
	a->child = fork();
	if (!a->child) {
		{{ forget }}serve(child);
	}
	if (a->child < 0)
		a->error = errno;
}
