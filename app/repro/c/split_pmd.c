/* A VMA that ends within a huge page cannot be mapped by a PMD; it is merged again at once. */
static void split_pmd(struct answer *a, unsigned char *from, long pages)
{
	unsigned char *first = (unsigned char *)((unsigned long)from & ~(512UL * PAGE - 1));

	for (; first < from + pages * PAGE; first += 512 * PAGE) {
		done(a, madvise(first + PAGE, PAGE, MADV_DONTDUMP));
		done(a, madvise(first + PAGE, PAGE, MADV_DODUMP));
	}
}
