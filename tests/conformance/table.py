"""The last word of a script: its checks as a table, then the line `N passed, N failed`."""


def shown(rows):
    """Prints the rows (name, what was compared, whether it held) and the count; the exit code of the script."""
    name = max([len("name"), *(len(row[0]) for row in rows)])
    compared = max([len("what was compared"), *(len(row[1]) for row in rows)])
    print(f"\n{'name':<{name}}  {'what was compared':<{compared}}  passed")
    for row in rows:
        print(f"{row[0]:<{name}}  {row[1]:<{compared}}  {'yes' if row[2] else 'NO'}")
    failed = sum(not row[2] for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0
