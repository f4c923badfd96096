static void saw(struct answer *a, int value)
{
	if (a->runs && a->read[a->runs - 1].value == value) {
		a->read[a->runs - 1].pages++;
		return;
	}
	if (a->runs == RUNS)
		return;
	a->read[a->runs].pages = 1;
	a->read[a->runs++].value = value;
}
