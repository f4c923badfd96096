// cowscope: everything works without this file; it adds keys, linking, swapping, copying.
'use strict';
