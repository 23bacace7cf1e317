# The package does not tell where, when, by whom, in which order or with how many jobs it was built.
onnx=$DATA/models/external.onnx
echo cat > labels.txt
echo dog > more.txt
backends="--backend good --backend-path $SUPPORT/backends -q"
build() { onnx-pack build "$onnx" $backends "$@" > /dev/null; }
build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt -o first
same() { cmp first "$1" && echo "$2: the same bytes"; }
build -t aarch64 -t x86-64-v4 -t x86-64-v3 --attach more.txt --attach labels.txt --no-cache -o order
same order "order of targets and attachments"
build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt --jobs 1 --no-cache -o one
build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt --jobs 3 --no-cache -o three
same one "one job" && same three "three jobs"
TZ=America/New_York LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8 build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt --no-cache -o world
same world "time zone and language"
(umask 077; SOURCE_DATE_EPOCH=1 USER=somebody HOME=$PWD/home build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt --no-cache -o mask)
same mask "umask and user"
stat -c %a mask
# Files made in another order lie in another order in their folder.
mkdir deep deep/er
cp more.txt labels.txt "$DATA/models/external.bin" "$onnx" deep/er
(cd deep/er && onnx=external.onnx && build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt --no-cache -o ../../folder)
same folder "another folder"
sleep 1
touch labels.txt
build -t x86-64-v3 -t x86-64-v4 -t aarch64 --attach labels.txt --attach more.txt -o later
same later "later, from the cache"
