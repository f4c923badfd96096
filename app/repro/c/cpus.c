static void choose_cpu(struct answer *a, int cpu)
{
	if (run_on(cpu))
		skip(a, "there is no CPU %d", cpu);
}
