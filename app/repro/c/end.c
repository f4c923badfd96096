static void end(int proc)
{
	struct answer a = { .faults = -1 };

	answer(proc, &a);
	_exit(0);
}
