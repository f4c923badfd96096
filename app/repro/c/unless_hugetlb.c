static const char *unless_hugetlb(void)
{
	char text[32];

	slurp("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", text, sizeof(text));
	return atol(text) < HUGETLB ?
		       "it takes more free pages in /sys/kernel/mm/hugepages/hugepages-2048kB" : 0;
}
