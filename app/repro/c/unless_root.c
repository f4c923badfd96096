static const char *unless_root(void)
{
	return geteuid() ? "it takes root" : 0;
}
