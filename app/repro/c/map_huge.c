/* Transparent huge pages are asked for before anything is there, then it is populated. */
static void map_huge(struct answer *a, int area, long pages, int prot, int flags, int populate)
{
	size_t size = pages * PAGE;

	map(a, area, pages, prot, flags, -1);
	if (a->error)
		return;
	if (madvise(at(area, 0), size, MADV_HUGEPAGE)) {
		skip(a, "MADV_HUGEPAGE: %s", strerror(errno));
		return;
	}
	if (populate)
		madvise(at(area, 0), size, populate);
}
