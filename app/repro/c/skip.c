/* Why this kernel or this user cannot play the step. */
static void skip(struct answer *a, const char *why, ...)
{
	va_list list;

	va_start(list, why);
	vsnprintf(a->skip, sizeof(a->skip), why, list);
	va_end(list);
}
