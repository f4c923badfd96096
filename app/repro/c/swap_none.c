static const char *unless_swapless(void)
{
	return strcmp(swap_kind(), "none") ? "it takes a machine without swap" : 0;
}
