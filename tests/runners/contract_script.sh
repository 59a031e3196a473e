# What the contract's scripts do, by their first word; the run's arguments follow it.
case $1 in
    succeed) printf '{"rows": [1, null, "č"]}' > "$CALLBOARD_RESULT_FILE" ;;
    fail) echo no stock >&2; exit 3 ;;
    talk) echo one; echo two; echo three ;;
    obey) echo ready; exec sleep 1000 ;;
    ignore) trap '' TERM; echo ready; while :; do sleep 0.05; done ;;
    flood) yes "$2" | head -n "$3" ;;
    huge) truncate -s 1G "$CALLBOARD_RESULT_FILE" ;;
    say) i=0; while [ $i -lt 50 ]; do echo "$3 $i"; i=$((i + 1)); done ;;
    child) sleep 1000 & echo pids $$ $!; wait ;;
esac
