/* The kind of the first swap area: "zram", "file", or "none". */
static const char *swap_kind(void)
{
	char text[512];
	char *line;

	slurp("/proc/swaps", text, sizeof(text));
	line = strchr(text, '\n');
	if (!line || !line[1])
		return "none";
	return strstr(line, "/zram") ? "zram" : "file";
}
