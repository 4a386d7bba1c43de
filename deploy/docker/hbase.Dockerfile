# HBase has no official image: this one is the class path and the configuration of the native stack.
FROM maven:3.9-eclipse-temurin-17 AS jars
COPY deploy/native/pom-hbase.xml /src/pom.xml
RUN mvn --batch-mode --quiet --file /src/pom.xml dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory=/jars

FROM eclipse-temurin:17-jre
RUN useradd --system --uid 10002 --create-home hbase && install --directory --owner=hbase /data
COPY --from=jars /jars /opt/hbase/lib
COPY deploy/native/conf/hbase /opt/hbase/conf
USER hbase
VOLUME /data
# HBase fills the ${…} of its configuration in from system properties of the same names.
ENTRYPOINT ["java", "-cp", "/opt/hbase/conf:/opt/hbase/lib/*", \
    "-Drun=/data", "-Dhbase_root=file:///data/hbase", "-Dhbase_distributed=false", "-Dzookeeper_port=2181", \
    "-Dhbase_master_port=16000", "-Dhbase_region_server_port=16020"]
CMD ["org.apache.hadoop.hbase.master.HMaster", "start"]
