static void done(struct answer *a, long result)
{
	if (result < 0)
		a->error = errno;
}
