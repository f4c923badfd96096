static const char *unless_zram(void)
{
	return strcmp(swap_kind(), "zram") ? "it takes swap on zram, and that alone" : 0;
}
