#!/bin/sh
# Known faults of what the image installs. Fails for a fault; says 'skipped' where the source of faults cannot be reached.
report=$("$1" --requirement requirements-runtime.lock --disable-pip --progress-spinner off 2>&1)
status=$?
echo "$report"
case $report in
    *ConnectionError* | *"onnection refused"* | *"ame resolution"* | *ServiceError* | *"Max retries"* | *"HTTPError"*)
        echo "skipped: the source of known faults cannot be reached"
        exit 0
        ;;
esac
exit $status
