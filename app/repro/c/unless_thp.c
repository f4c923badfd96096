#define THP "/sys/kernel/mm/transparent_hugepage/"

static const char *unless_thp(void)
{
	char text[64];

	slurp(THP "hpage_pmd_size", text, sizeof(text));
	if (atol(text) != 512 * PAGE)
		return "it takes transparent huge pages of 2 MiB";
	slurp(THP "enabled", text, sizeof(text));
	return strstr(text, "[madvise]") ? 0 : "it takes transparent_hugepage/enabled to be madvise";
}
