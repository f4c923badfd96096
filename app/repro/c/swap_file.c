static const char *unless_file(void)
{
	return strcmp(swap_kind(), "file") ? "it takes swap on a disk or in a file, and that alone" : 0;
}
